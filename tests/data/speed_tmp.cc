#include <gtest/gtest.h>
#include <torch/torch.h>
#include <chrono>
#include <iostream>
#include "core/bytes.h"
#include "heed/data/loader.h"
#include "shared_data.h"
using namespace heed; using namespace heed::data;
static double now(){return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();}
static double cpu(){timespec t;clock_gettime(CLOCK_PROCESS_CPUTIME_ID,&t);return t.tv_sec+t.tv_nsec*1e-9;}
TEST(SpeedTmp, Epoch){
  double t=now(); auto d=open_images("/usr/share/datasets/fashion-mnist/train"); std::cerr<<"open "<<now()-t<<"\n";
  t=now(); auto n=measure(*d); std::cerr<<"measure "<<now()-t<<" "<<n.mean[0]<<" "<<n.deviation[0]<<"\n";
  for(auto a:{AugmentOptions{},AugmentOptions{.flip=true,.shift=2},AugmentOptions{.flip=true,.shift=2,.erase=0.5},AugmentOptions{.crop=0.7,.flip=true,.shift=2,.erase=0.5}}){
    Loader l(d,{.batch=128,.shuffle=true,.seed=1,.augment=a,.normalize=n});
    l.next(); l.seek({0,0});
    double t0=now(),c0=cpu(); while(l.next()); std::cerr<<"epoch wall "<<now()-t0<<" cpu "<<cpu()-c0<<"\n";
  }
  std::vector<std::filesystem::path> f; for(auto&e:std::filesystem::recursive_directory_iterator(test::shared_data()/"bccd")) if(e.path().extension()==".jpg"&&f.size()<60) f.push_back(e.path());
  t=now(); double px=0; for(auto&p:f) px+=read_image(p).shape.pixels(); std::cerr<<"jpeg ns/pixel "<<(now()-t)/px*1e9<<"\n";
  t=now(); for(auto&p:f) image_shape(read_first_bytes(p,65536),"x"); std::cerr<<"jpeg header us "<<(now()-t)/f.size()*1e6<<"\n";
  auto im=read_image(f[0]); t=now(); for(int i=0;i<10;++i) resize(im,224,224); std::cerr<<"resize 640x480->224 ms "<<(now()-t)/10*1e3<<"\n";
  for(auto& e: {"/usr/share/doc"}) {(void)e;}
}
